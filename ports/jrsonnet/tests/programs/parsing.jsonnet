[std.parseJson('{"a": [1, 2, {"b": null}]}'), std.parseInt('-42'), std.parseHex('ff'), std.parseYaml('a: 1\nb: [x, y]')]
