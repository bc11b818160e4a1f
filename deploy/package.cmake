# SPDX-License-Identifier: Apache-2.0
# The Debian package, for nodes without Kubernetes' DaemonSets: `cmake --preset release`, build, `cpack` in build/release.
# The image's Debian leaves out what is in share/doc, but for files of this name.
install(FILES deploy/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
install(FILES deploy/CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME vpcwire)
set(CPACK_PACKAGE_CONTACT "vpcwire maintainers <vpcwire@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "VPC networking for Kubernetes nodes on EC2")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES TRUE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS TRUE) # the libraries are those that the programs name
set(CPACK_DEBIAN_PACKAGE_DEPENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS containernetworking-plugins)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
        ${CMAKE_SOURCE_DIR}/deploy/systemd/postinst ${CMAKE_SOURCE_DIR}/deploy/systemd/prerm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
include(CPack)
