# Eigen (at least 3.4) and fmt, as installed; downloaded only if they are missing and TESSERA_FETCH_DEPENDENCIES is on.

# A downloaded library becomes an imported target of the installed one's name. SOURCE_SUBDIR names a folder that does
# not exist, so that the library's own build is not run: both are used as headers alone.
function(tessera_fetch_headers name target repository tag subfolder)
  include(FetchContent)
  message(STATUS "tessera: downloading ${name} ${tag}")
  FetchContent_Declare(${name} GIT_REPOSITORY ${repository} GIT_TAG ${tag} GIT_SHALLOW ON SOURCE_SUBDIR no-build)
  FetchContent_MakeAvailable(${name})
  FetchContent_GetProperties(${name})
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${${name}_SOURCE_DIR}${subfolder}")
endfunction()

# No version in the call: Eigen's package file accepts a request only for its own major version.
if(NOT TARGET Eigen3::Eigen)
  find_package(Eigen3 QUIET NO_MODULE)
endif()
if(TARGET Eigen3::Eigen)
  set(eigen_version "${Eigen3_VERSION}")
  if(NOT eigen_version)
    set(eigen_version "${EIGEN3_VERSION_STRING}")
  endif()
  if(eigen_version AND eigen_version VERSION_LESS 3.4)
    message(FATAL_ERROR "tessera: expected Eigen 3.4 or newer, found ${eigen_version}")
  endif()
elseif(TESSERA_FETCH_DEPENDENCIES)
  tessera_fetch_headers(tessera_eigen Eigen3::Eigen https://gitlab.com/libeigen/eigen.git 3.4.0 "")
else()
  message(FATAL_ERROR "tessera: Eigen 3.4 or newer is needed and was not found. Install it (Debian, Ubuntu: "
                      "libeigen3-dev), set Eigen3_DIR, or let CMake download it: -DTESSERA_FETCH_DEPENDENCIES=ON")
endif()

if(NOT TARGET fmt::fmt)
  find_package(fmt QUIET)
endif()
if(NOT TARGET fmt::fmt)
  if(NOT TESSERA_FETCH_DEPENDENCIES)
    message(FATAL_ERROR "tessera: fmt is needed and was not found. Install it (Debian, Ubuntu: libfmt-dev), set "
                        "fmt_DIR, or let CMake download it: -DTESSERA_FETCH_DEPENDENCIES=ON")
  endif()
  tessera_fetch_headers(tessera_fmt fmt::fmt https://github.com/fmtlib/fmt.git 9.1.0 "/include")
  set_target_properties(fmt::fmt PROPERTIES INTERFACE_COMPILE_DEFINITIONS FMT_HEADER_ONLY=1)
endif()
