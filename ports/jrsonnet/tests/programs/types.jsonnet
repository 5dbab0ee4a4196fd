[std.type(x) for x in [null, true, 1, 'x', [], {}, function() 1]]
