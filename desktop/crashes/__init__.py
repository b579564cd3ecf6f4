"""Reports of crashes: written on this computer, shown to the person, never sent.

A report says what ended or failed and where in the program. It has no text of a conversation, no message of an error
(which may quote one) and no path but those of source files, counted from the folder of their package: the rule of
`belle doctor --json`. `watch` notices, `frames` takes out what is private, `reports` is the folder.
"""
