def take_in_checks(*a): pass
