[[x, y] for x in std.range(1, 8) for y in std.range(x, 8) if (x * y) % 3 == 0]
