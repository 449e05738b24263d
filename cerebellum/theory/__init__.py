"""The mathematics of sparse distributed memory, of attention that approximates it, and of granule cells that carry it.

`sdm`        balls, their intersections, optimal radii, spherical caps
`attention`  the softmax beta that fits an intersection, and the normalised weights of both
`granule`    overlaps and betas of cells that read a few of the lines
`gaussian`   the same cells when inhibition holds the active share: the Top-k limit
`memories`   the memories themselves, with one interface: write, read, weights
"""
