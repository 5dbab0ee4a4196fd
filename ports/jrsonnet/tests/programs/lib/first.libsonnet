{ value: (import 'second.libsonnet').value + [self.mine], mine: 'first' }
