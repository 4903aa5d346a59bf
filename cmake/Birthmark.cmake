# SPDX-License-Identifier: Apache-2.0
# The four words every room's CMakeLists.txt uses: bm_library, bm_program, bm_static_program, bm_test.

# Half of the time of a build goes into headers: several files of a room are compiled as one where
# the preset asks for it. The dev preset compiles each alone, so that each includes what it needs.
option(BM_TOGETHER "compile several files of a room as one" OFF)
function(bm_together target)
  if(BM_TOGETHER)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
  endif()
endfunction()

# bm_library(<room> [APART] SOURCES a.cc … DEPS other rooms or imported targets …); APART keeps each
# file an object of its own, for a room of which a static program links only a part.
function(bm_library name)
  cmake_parse_arguments(A "APART" "" "SOURCES;DEPS" ${ARGN})
  add_library(bm_${name} STATIC ${A_SOURCES})
  if(NOT A_APART)
    bm_together(bm_${name})
  endif()
  target_link_libraries(bm_${name} PUBLIC bm_options ${A_DEPS})
endfunction()

# bm_program(<name> SOURCES … DEPS …) puts the program into build/bin.
function(bm_program name)
  cmake_parse_arguments(A "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE bm_options ${A_DEPS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

# bm_static_program(<name> SOURCES … ROOMS …) puts one static file into build/bin that runs on any
# Linux of its kind. The rooms are named one by one and not by their targets, because those bring
# shared libraries that the program does not need; the archives give only what is called.
function(bm_static_program name)
  cmake_parse_arguments(A "" "" "SOURCES;ROOMS" ${ARGN})
  add_executable(${name} ${A_SOURCES} ${CMAKE_SOURCE_DIR}/src/reader/fmt_static.cc)
  list(TRANSFORM A_ROOMS PREPEND bm_ OUTPUT_VARIABLE room_targets)
  add_dependencies(${name} ${room_targets})
  set(archives)
  foreach(room ${room_targets})
    list(APPEND archives $<TARGET_FILE:${room}>)
  endforeach()
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin
    LINK_DEPENDS "${archives}")
  target_link_libraries(${name} PRIVATE bm_options
    -Wl,--start-group ${archives} -Wl,--end-group)
  if(BM_SANITIZE)
    # The sanitizers' run-time does not exist as a static library.
    target_link_libraries(${name} PRIVATE OpenSSL::Crypto)
  else()
    get_filename_component(crypto_dir ${OPENSSL_CRYPTO_LIBRARY} DIRECTORY)
    find_library(CRYPTO_STATIC NAMES libcrypto.a PATHS ${crypto_dir} REQUIRED)
    target_link_libraries(${name} PRIVATE -static -s ${CRYPTO_STATIC})
  endif()
endfunction()

# bm_test(<name> SOURCES … DEPS … [TIMEOUT s] [LABELS l…]) one GoogleTest program, one ctest entry.
function(bm_test name)
  if(NOT BUILD_TESTING)
    return()
  endif()
  cmake_parse_arguments(A "" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  bm_together(${name})
  # Tests run once: to optimise them would cost more than half of the time they take to compile.
  target_compile_options(${name} PRIVATE ${BM_TEST_FLAGS})
  target_link_libraries(${name} PRIVATE bm_options ${A_DEPS} bm_test_support GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
  add_test(NAME ${name} COMMAND ${name})
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 300)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${A_TIMEOUT})
  if(A_LABELS)
    set_tests_properties(${name} PROPERTIES LABELS "${A_LABELS}")
  endif()
endfunction()
