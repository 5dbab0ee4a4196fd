local a = [1, function() b], b = [2, function() a]; [a[0], a[1]()[0], a[1]()[1]()[0]]
