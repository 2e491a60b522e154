-- A copy of the database must not charge customers nor take what is meant for the original.
UPDATE payment_provider
   SET paylink_stripe_secret_key = NULL,
       paylink_stripe_webhook_secret = NULL,
       paylink_stripe_webhook_secret_old = NULL,
       paylink_stripe_account = NULL,
       paylink_stripe_webhook = NULL;
UPDATE res_company SET paylink_autopay = FALSE;
