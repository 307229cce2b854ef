"""
The command line: `commands` runs it. Only `exit_codes` can be imported without click, which the extra ``cli`` brings.
"""
