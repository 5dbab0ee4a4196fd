{ a: 1, 'b c': [1, 2, 3], ['d' + 1]: { e: null, f: true }, g:: 'hidden', h::: self.g }
