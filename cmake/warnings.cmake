# The warnings that our own C code is compiled with. Warnings are errors only here, never for a host.

function(rcgc_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic)
endfunction()
