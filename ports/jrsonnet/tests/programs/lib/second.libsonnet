{ value: ['second', (import 'first.libsonnet').mine] }
