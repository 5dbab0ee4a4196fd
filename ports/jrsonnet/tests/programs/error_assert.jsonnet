{ n: 1, assert self.n > 3 : 'n is %d' % self.n } { n+: 1 }
