local f = { '0': 0, '1': 1 } + { [std.toString(n)]: f[std.toString(n - 1)] + f[std.toString(n - 2)] for n in std.range(2, 80) }; f['80']
