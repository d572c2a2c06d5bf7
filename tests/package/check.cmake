# Installs the build into an empty prefix and builds, against that alone, a program that uses it.
# Variables: BUILD (the build directory), SOURCE (tests/package), WORK (a directory to use up).
file(REMOVE_RECURSE ${WORK})
foreach(step
    "--install ${BUILD} --prefix ${WORK}/prefix"
    "-S ${SOURCE} -B ${WORK}/build -G Ninja -DCMAKE_PREFIX_PATH=${WORK}/prefix -DCMAKE_BUILD_TYPE=Release"
    "--build ${WORK}/build")
  separate_arguments(arguments UNIX_COMMAND "${step}")
  execute_process(COMMAND ${CMAKE_COMMAND} ${arguments} OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE result)
  if(result)
    message(FATAL_ERROR "cmake ${step} failed:\n${output}")
  endif()
endforeach()
execute_process(COMMAND ${WORK}/build/consumer ${WORK}/prefix/share/hotlap/configs RESULT_VARIABLE result)
if(result)
  message(FATAL_ERROR "the consumer exited with ${result}")
endif()
