# What is installed, and the Debian package: the program, its manual, completions.
include(GNUInstallDirs)

set(shells bash zsh fish)
set(completions ${CMAKE_CURRENT_BINARY_DIR}/completions)
file(MAKE_DIRECTORY ${completions})
foreach(shell IN LISTS shells)
  add_custom_command(OUTPUT ${completions}/${shell}
    COMMAND numadrift completion ${shell} > ${completions}/${shell} DEPENDS numadrift VERBATIM)
  list(APPEND completion_files ${completions}/${shell})
endforeach()

# The options of the manual are those of the parser.
configure_file(man/head.8 ${CMAKE_CURRENT_BINARY_DIR}/man/head.8 @ONLY)
set(manual ${CMAKE_CURRENT_BINARY_DIR}/man/numadrift.8)
add_custom_command(OUTPUT ${manual} ${manual}.gz
  COMMAND numadrift completion man > ${CMAKE_CURRENT_BINARY_DIR}/man/options.8
  COMMAND cat ${CMAKE_CURRENT_BINARY_DIR}/man/head.8 ${CMAKE_CURRENT_BINARY_DIR}/man/options.8
          ${CMAKE_CURRENT_SOURCE_DIR}/man/tail.8 > ${manual}
  COMMAND gzip -9nkf ${manual}
  DEPENDS numadrift man/head.8 man/tail.8 VERBATIM)
add_custom_target(documents ALL DEPENDS ${completion_files} ${manual})

install(TARGETS numadrift numadrift_static)
install(FILES ${manual}.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/numadrift RENAME copyright)
install(FILES ${CMAKE_SOURCE_DIR}/README.md trace/FORMAT.md DESTINATION share/doc/numadrift)
install(FILES ${completions}/bash DESTINATION share/bash-completion/completions RENAME numadrift)
install(FILES ${completions}/zsh DESTINATION share/zsh/vendor-completions RENAME _numadrift)
install(FILES ${completions}/fish DESTINATION share/fish/vendor_completions.d RENAME numadrift.fish)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME numadrift)
set(CPACK_PACKAGE_CONTACT "the numadrift authors <root@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "record which threads migrated away from their memory")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
include(CPack)
