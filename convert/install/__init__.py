"""Models on this computer: installed from a hub, imported from a file, listed, removed.

`job.install` does everything from a name in the catalogue to a model that runs: download, decrypt, convert, verify,
register. The state of every step is on the disk, so that the next run continues from there. Command line and window
call it and show the `Step`s that it reports. `library` is what needs no network.
"""
