import 'lib/nowhere.libsonnet'
