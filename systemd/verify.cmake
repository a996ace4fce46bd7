# SPDX-License-Identifier: MIT
# Fails if systemd-analyze has anything to say of the units: it exits with 0 after many of its warnings.
# The user manager's, which a build machine may not have.
set(ENV{XDG_RUNTIME_DIR} ${UNITS}/runtime)
file(MAKE_DIRECTORY ${UNITS}/runtime)
execute_process(
  COMMAND ${TOOL} verify --${MANAGER} --man=no ${UNITS}/cbbrokerd.service ${UNITS}/cbbrokerd.socket
  RESULT_VARIABLE result
  OUTPUT_VARIABLE words
  ERROR_VARIABLE words)
if(NOT result EQUAL 0 OR words MATCHES "cbbrokerd")
  message(FATAL_ERROR "systemd-analyze verify: ${result}\n${words}")
endif()
