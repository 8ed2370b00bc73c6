# Writes the commit that is built from into a header, if it is another one than is there: cmake -DSOURCE=… -DHEADER=… -P
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --exclude=* OUTPUT_VARIABLE commit
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed) # a tree without its history
  set(commit "")
endif()
file(CONFIGURE OUTPUT ${HEADER} CONTENT "#define NUMADRIFT_COMMIT \"${commit}\"\n")
