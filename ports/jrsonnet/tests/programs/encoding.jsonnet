[std.base64('hello'), std.base64Decode('aGVsbG8='), std.md5('x'), std.escapeStringJson('a"b\n'), std.encodeUTF8('é'), std.decodeUTF8([195, 169])]
