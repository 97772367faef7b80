plan=None
