class Looker:
    def __init__(self, find): self._find=find
    def fit(self, checkpoint, settings, say): pass
    def facts(self): return {}
    def look(self, pixels): return self._find(pixels)
def open_looker(flags): raise NotImplementedError
