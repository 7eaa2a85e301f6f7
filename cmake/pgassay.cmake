# The rules every target of the house follows: language level, warnings, sanitizers, and the two functions that
# make a folder a target. A folder lists what it links; scripts/check_layers.py holds its includes against that list.

option(PGASSAY_TESTS "Build the tests" ON)
option(PGASSAY_BENCH "Build the benchmarks" OFF)
option(PGASSAY_FUZZ "Build the fuzz targets (clang only)" OFF)
option(PGASSAY_WERROR "Warnings are errors" OFF)
set(PGASSAY_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_program(PGASSAY_CCACHE ccache)
if(PGASSAY_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${PGASSAY_CCACHE})
endif()

add_library(pgassay_options INTERFACE)
target_include_directories(pgassay_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(pgassay_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
  $<$<BOOL:${PGASSAY_WERROR}>:-Werror>)
target_compile_definitions(pgassay_options INTERFACE PGASSAY_VERSION="${PROJECT_VERSION}")
if(PGASSAY_SANITIZE)
  # UBSan's vptr check asks for a pipe to see whether memory can be read: without a free descriptor it finds what is not there.
  add_compile_options(-fsanitize=${PGASSAY_SANITIZE} -fno-sanitize=vptr -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${PGASSAY_SANITIZE})
endif()
if(PGASSAY_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)

# pgassay_library(NAME DEPS...): every .cc of this folder, as target pgassay_NAME, linked to DEPS.
# DEPS name folders of this house (wire, session, …) or imported targets (those with ::).
function(pgassay_library name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  if(sources)
    add_library(pgassay_${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(pgassay_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_link_libraries(pgassay_${name} ${scope} pgassay_options)
  foreach(dep ${ARGN})
    if(dep MATCHES "::")
      target_link_libraries(pgassay_${name} ${scope} ${dep})
    else()
      target_link_libraries(pgassay_${name} ${scope} pgassay_${dep})
    endif()
  endforeach()
endfunction()

# pgassay_test(NAME DEPS...): every *_test.cc of this folder, as one GoogleTest program NAME_test.
function(pgassay_test name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(${name}_test ${sources})
  target_link_libraries(${name}_test PRIVATE pgassay_options GTest::gtest_main GTest::gmock)
  foreach(dep ${ARGN})
    if(dep MATCHES "::")
      target_link_libraries(${name}_test PRIVATE ${dep})
    else()
      target_link_libraries(${name}_test PRIVATE pgassay_${dep})
    endif()
  endforeach()
  gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} PROPERTIES TIMEOUT 120)
endfunction()
