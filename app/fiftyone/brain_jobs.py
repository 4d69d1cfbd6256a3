def run_waiting_brain_job(*a): pass
