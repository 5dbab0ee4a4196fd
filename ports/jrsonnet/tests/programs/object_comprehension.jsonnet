{ ['key' + i]: { index: i, square: i * i, again: $['key' + i].index } for i in std.range(0, 30) if i % 2 == 1 }
