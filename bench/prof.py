import cProfile, pstats, collections, re, time
from dev.live import fresh_database
from .common import environment, measure
from .reminders import *

def main():
    with fresh_database("prof_reminders") as database, environment(database) as env:
        prepare(env)
        make_items(env, 400, 1)
        run(env)()
        empty(env)
        for cust, each in ((400,1),(400,10)):
            make_items(env, cust, each)
            cr = env.cr
            seen = collections.Counter()
            orig = type(cr._obj if hasattr(cr,'_obj') else cr).execute
            import odoo.sql_db as s
            old = s.Cursor.execute
            def execute(self, query, params=None, log_exceptions=True):
                q = query.code if hasattr(query,'code') else query
                seen[re.sub(r'\s+',' ',str(q))[:110]] += 1
                return old(self, query, params, log_exceptions)
            s.Cursor.execute = execute
            p = cProfile.Profile()
            t=time.perf_counter(); c=time.process_time()
            p.enable(); run(env)(); env.flush_all(); p.disable()
            print("wall",time.perf_counter()-t,"cpu", time.process_time()-c)
            s.Cursor.execute = old
            for q,n in seen.most_common(14): print(n,q)
            pstats.Stats(p).sort_stats("cumulative").print_stats(75)
            pstats.Stats(p).sort_stats("tottime").print_stats(25)
            empty(env)
            t=time.perf_counter(); c=time.process_time()
            make_items(env, cust, each); 
            t=time.perf_counter(); c=time.process_time()
            run(env)(); env.flush_all()
            print("PLAIN wall",time.perf_counter()-t,"cpu", time.process_time()-c)
            empty(env)
    return 0
