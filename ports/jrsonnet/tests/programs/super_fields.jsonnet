local base = { n: 1, name: 'base', say: self.name + self.n }; local derived = base { n: super.n + 1, name: 'derived of ' + super.name }; [base, derived, derived { n+: 5 }]
