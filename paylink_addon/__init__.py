from . import controllers, models, wizards
from .hooks import post_init_hook, uninstall_hook
from .tools.redact import install

install()
