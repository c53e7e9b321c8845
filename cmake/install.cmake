# SPDX-License-Identifier: MIT
#
# What `cmake --install` puts where.  All paths are relative to the prefix, and the package files find it from where
# they lie, so an installed tree may be moved.
include(CMakePackageConfigHelpers)

set(HOLDFAST_LUA_CDIR "${CMAKE_INSTALL_LIBDIR}/lua/5.1" CACHE STRING "Where holdfast.so goes, below the prefix")
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/holdfast")

install(DIRECTORY src/include/holdfast DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
if(HOLDFAST_COMMAND)
  install(TARGETS holdfast_command RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()
install(TARGETS holdfast_module LIBRARY DESTINATION "${HOLDFAST_LUA_CDIR}")
# For editors: the stubs of what is written in C, and the modules whose annotations stand in their source.  Nothing loads
# them; what runs is inside the libraries.
install(DIRECTORY lua/holdfast/meta DESTINATION "${CMAKE_INSTALL_DATADIR}/holdfast" FILES_MATCHING PATTERN "*.lua")
install(DIRECTORY lua/holdfast DESTINATION "${CMAKE_INSTALL_DATADIR}/holdfast/lua"
        FILES_MATCHING PATTERN "*.lua" PATTERN "holdfast/meta" EXCLUDE PATTERN "holdfast/cli" EXCLUDE)
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# Two sets: a program that links the shared library needs none of the packages that the static one asks for.
install(TARGETS holdfast_shared EXPORT holdfastTargets LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(TARGETS holdfast_static EXPORT holdfastStaticTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT holdfastTargets NAMESPACE holdfast:: DESTINATION "${package_dir}")
install(EXPORT holdfastStaticTargets NAMESPACE holdfast:: DESTINATION "${package_dir}")

configure_package_config_file(cmake/holdfastConfig.cmake.in "${PROJECT_BINARY_DIR}/cmake/holdfastConfig.cmake"
                              INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/cmake/holdfastConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/cmake/holdfastConfig.cmake"
              "${PROJECT_BINARY_DIR}/cmake/holdfastConfigVersion.cmake" DESTINATION "${package_dir}")

set(pc_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH pc_to_prefix "/prefix/${pc_dir}" /prefix)
list(JOIN HOLDFAST_PACKAGES " " pc_requires)
configure_file(cmake/holdfast.pc.in "${PROJECT_BINARY_DIR}/cmake/holdfast.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/cmake/holdfast.pc" DESTINATION "${pc_dir}")
