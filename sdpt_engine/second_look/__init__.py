"""A second, closer look at each box that a detector found: where its edges lie, and which class it shows.

The detector says what is where, but sees a whole image in a few hundred pixels, and knows names from its own training.
Here each box is cut out of the full picture and goes through the frozen image encoder of nano, whatever the detector
is. What is learnt on top comes from the person's own boxes, and is kept only where held-out images are the better
for it.
"""
