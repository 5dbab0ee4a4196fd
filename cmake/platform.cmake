# Refuses, by name, what rcgc does not support.

if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
  message(FATAL_ERROR "rcgc: ${CMAKE_SYSTEM_NAME} is not supported (64-bit Linux on x86-64 or aarch64 is)")
endif()
if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64|aarch64|arm64)$")
  message(FATAL_ERROR "rcgc: the processor ${CMAKE_SYSTEM_PROCESSOR} is not supported "
                      "(64-bit Linux on x86-64 or aarch64 is)")
endif()
if(NOT CMAKE_SIZEOF_VOID_P EQUAL 8)
  message(FATAL_ERROR "rcgc: 32-bit pointers are not supported (64-bit Linux on x86-64 or aarch64 is)")
endif()
