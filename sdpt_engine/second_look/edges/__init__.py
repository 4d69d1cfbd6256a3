"""Where exactly an object's edges lie, learnt from the boxes that a person drew.

A small network on frozen maps says where between the borders of a cut-out the four edges lie. It starts from shipped
weights, which know drawings of many things, and learns what the person means by "the edge".
"""
