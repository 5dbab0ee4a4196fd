(import 'lib/first.libsonnet').value
