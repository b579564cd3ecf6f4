"""Models of this computer: got from a hub, taken over from a file, listed, removed.

`job.install` goes the whole way from a name in the catalogue to a model that runs: download, decrypt, convert, verify,
register. Every step leaves on the disk what the next run needs to go on from there. The command line and the window's
library both call it and show the `Step`s that it reports. `library` is what is done without a network.
"""
