# `cmake --install`: headers, both libraries, the CMake package, rcgc.pc. All paths in the package are
# relative to itself, so that the prefix can be moved.

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
install(FILES "${rcgc_static_file}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(PROGRAMS "${rcgc_shared_file}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES ${rcgc_shared_links} DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE-MIT" "${PROJECT_SOURCE_DIR}/LICENSE-APACHE"
              "${PROJECT_SOURCE_DIR}/README.md" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

set(rcgc_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/rcgc")
configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/rcgc-config.cmake.in" "${PROJECT_BINARY_DIR}/rcgc-config.cmake"
  INSTALL_DESTINATION "${rcgc_package_dir}"
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
# Before 1.0 a new minor version may break; the version file says so.
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/rcgc-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/rcgc-config.cmake" "${PROJECT_BINARY_DIR}/rcgc-config-version.cmake"
        DESTINATION "${rcgc_package_dir}")

# ${pcfiledir} is <prefix>/<libdir>/pkgconfig; an absolute libdir or includedir stays absolute.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(rcgc_pc_prefix "${CMAKE_INSTALL_PREFIX}")
  set(rcgc_pc_libdir "${CMAKE_INSTALL_LIBDIR}")
else()
  file(RELATIVE_PATH rcgc_pc_up "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
  string(REGEX REPLACE "/$" "" rcgc_pc_up "${rcgc_pc_up}")
  set(rcgc_pc_prefix "\${pcfiledir}/${rcgc_pc_up}")
  set(rcgc_pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(rcgc_pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
else()
  set(rcgc_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file("${PROJECT_SOURCE_DIR}/cmake/rcgc.pc.in" "${PROJECT_BINARY_DIR}/rcgc.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/rcgc.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
