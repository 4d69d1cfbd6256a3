"""Scenes made of cut-outs: what nano learns from, and sets of concepts that it never saw.

    material -> backgrounds -> layers -> camera -> composer -> compose_set
                                                            -> shapes -> tiny_glip

Only numpy and Pillow are needed to compose.
"""
