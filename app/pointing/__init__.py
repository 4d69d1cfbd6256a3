"""Pointing at an object instead of drawing around it: one click, and the box is there.

`question` gathers what is known at the click (`sizes`: how large objects are), `answers` finds the box, `child` does so
in a process of its own, `asking` talks to it from the server, and `trials` tell whether it is quicker than drawing.
"""
