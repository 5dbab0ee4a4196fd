# The libraries in the build tree. scripts/build-libs runs at every build: cargo knows what is out of date,
# and what did not change keeps its time, so that nothing is linked anew for nothing.

# A semicolon in a path is the end of a path to CMake.
if("${PROJECT_SOURCE_DIR}${PROJECT_BINARY_DIR}" MATCHES ";")
  message(FATAL_ERROR "rcgc: CMake cannot use paths with semicolons: ${PROJECT_SOURCE_DIR}, ${PROJECT_BINARY_DIR}")
endif()

set(RCGC_PREBUILT_DIR "" CACHE PATH "A folder that scripts/build-libs has filled: nothing is built, cargo is not needed")
if(RCGC_PREBUILT_DIR)
  set(rcgc_lib_dir "${RCGC_PREBUILT_DIR}")
else()
  set(rcgc_lib_dir "${PROJECT_BINARY_DIR}/lib")
endif()
set(rcgc_static_file "${rcgc_lib_dir}/librcgc.a")
set(rcgc_soname "librcgc.so.${PROJECT_VERSION_MAJOR}")
set(rcgc_shared_file "${rcgc_lib_dir}/librcgc.so.${PROJECT_VERSION}")
set(rcgc_shared_links "${rcgc_lib_dir}/${rcgc_soname}" "${rcgc_lib_dir}/librcgc.so")

if(RCGC_PREBUILT_DIR)
  foreach(file IN LISTS rcgc_static_file rcgc_shared_file rcgc_shared_links)
    if(NOT EXISTS "${file}")
      message(FATAL_ERROR "rcgc: ${file} is not there: run scripts/build-libs first")
    endif()
  endforeach()
  add_custom_target(rcgc_libraries)
else()
  if(CMAKE_CROSSCOMPILING)
    message(FATAL_ERROR "rcgc: for ${CMAKE_SYSTEM_PROCESSOR} run scripts/build-libs --target first, and name its "
                        "folder as RCGC_PREBUILT_DIR")
  endif()
  find_program(RCGC_CARGO cargo HINTS "$ENV{HOME}/.cargo/bin")
  if(NOT RCGC_CARGO)
    message(FATAL_ERROR "rcgc: cargo is not installed; rcgc is built with Rust 1.85 or later")
  endif()
  get_filename_component(rcgc_cargo_dir "${RCGC_CARGO}" DIRECTORY)
  set(RCGC_CARGO_TARGET_DIR "${PROJECT_BINARY_DIR}/cargo" CACHE PATH "Where cargo keeps its build")
  set(rcgc_build_options)
  if(RCGC_FEATURES)
    list(JOIN RCGC_FEATURES "," rcgc_features)
    list(APPEND rcgc_build_options --features "${rcgc_features}")
  endif()
  add_custom_target(rcgc_libraries ALL
    COMMAND "${CMAKE_COMMAND}" -E env "PATH=${rcgc_cargo_dir}:$ENV{PATH}" "CC=${CMAKE_C_COMPILER}"
            "${PROJECT_SOURCE_DIR}/scripts/build-libs" ${rcgc_build_options}
            --target-dir "${RCGC_CARGO_TARGET_DIR}" "${rcgc_lib_dir}"
    BYPRODUCTS "${rcgc_static_file}" "${rcgc_shared_file}" ${rcgc_shared_links}
    COMMENT "Building librcgc with cargo"
    VERBATIM)
endif()

add_library(rcgc::static STATIC IMPORTED GLOBAL)
set_target_properties(rcgc::static PROPERTIES IMPORTED_LOCATION "${rcgc_static_file}")

# The target names the link `librcgc.so`, as the installed one does.
add_library(rcgc::shared SHARED IMPORTED GLOBAL)
set_target_properties(rcgc::shared PROPERTIES IMPORTED_LOCATION "${rcgc_lib_dir}/librcgc.so"
                                              IMPORTED_SONAME "${rcgc_soname}")

foreach(library static shared)
  set_target_properties(rcgc::${library} PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${PROJECT_SOURCE_DIR}/include")
  add_dependencies(rcgc::${library} rcgc_libraries)
endforeach()

add_library(rcgc::rcgc INTERFACE IMPORTED GLOBAL)
if(BUILD_SHARED_LIBS)
  target_link_libraries(rcgc::rcgc INTERFACE rcgc::shared)
else()
  target_link_libraries(rcgc::rcgc INTERFACE rcgc::static)
endif()

# The C++ wrapper, which is headers over the library.
add_library(rcgc::cpp INTERFACE IMPORTED GLOBAL)
target_link_libraries(rcgc::cpp INTERFACE rcgc::rcgc)
target_compile_features(rcgc::cpp INTERFACE cxx_std_17)
