"""The command line: `commands` runs it. All but `exit_codes` needs click, which the extra ``cli`` brings."""
