# What is installed, and the Debian package that CPack makes of it. scripts/package makes both packages.

include(GNUInstallDirs)

# The manual page and the completions come from the program itself.
set(PGASSAY_PAGES ${CMAKE_BINARY_DIR}/pages)
add_custom_command(
  OUTPUT ${PGASSAY_PAGES}/pgassay.1.gz
  COMMAND ${CMAKE_COMMAND} -E make_directory ${PGASSAY_PAGES}
  COMMAND pgassay completions bash > ${PGASSAY_PAGES}/pgassay.bash
  COMMAND pgassay completions zsh > ${PGASSAY_PAGES}/_pgassay
  COMMAND pgassay completions fish > ${PGASSAY_PAGES}/pgassay.fish
  COMMAND pgassay man > ${PGASSAY_PAGES}/pgassay.1
  COMMAND gzip -9nf ${PGASSAY_PAGES}/pgassay.1
  DEPENDS pgassay VERBATIM)
add_custom_target(pgassay_pages DEPENDS ${PGASSAY_PAGES}/pgassay.1.gz)

install(TARGETS pgassay)
install(FILES ${PGASSAY_PAGES}/pgassay.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${PGASSAY_PAGES}/pgassay.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME pgassay)
install(FILES ${PGASSAY_PAGES}/_pgassay DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${PGASSAY_PAGES}/pgassay.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
# Of the Debian package alone, for it names /usr/bin; nothing enables it.
install(FILES integrations/systemd/pgassay.service DESTINATION lib/systemd/system COMPONENT service)

set(CPACK_GENERATOR DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT "The pgassay authors <pgassay@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "profiler for PostgreSQL traffic")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "Stands between an application and PostgreSQL, changes nothing, and reports\nwhich query is an N+1 and which earlier result fed it, what a branch adds\nto that, and what the schema lacks.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
include(CPack)
