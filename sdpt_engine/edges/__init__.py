"""Where exactly an object's edges lie, learnt from the boxes that a person drew: a second look at each found box.

The detector says what is where; its boxes are as tight as its own training made them. Here each box is cut out with
some margin, and a small network on frozen maps says where between the borders of the cut-out the four edges lie. It
starts from shipped weights, which know drawings of many things, and learns what the person means by "the edge".
"""
