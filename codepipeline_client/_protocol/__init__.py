"""The rules of the wire: AWS JSON 1.1, strict JSON, SigV4 and the User-Agent. Pure: no I/O and no clock."""
