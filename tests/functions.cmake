find_package(GTest REQUIRED)

# tinsmith_test(NAME SOURCES a.cpp … LIBS tinsmith_x … [SLOW])
# One GoogleTest program = one ctest entry. SLOW ones need a broker, an emulator, a compiler, recordings, or more than
# five seconds; `./run test quick` leaves them out.
function(tinsmith_test NAME)
    cmake_parse_arguments(ARG "SLOW" "TIMEOUT" "SOURCES;LIBS" ${ARGN})
    add_executable(${NAME} ${ARG_SOURCES})
    target_link_libraries(${NAME} PRIVATE tinsmith_options ${ARG_LIBS} GTest::gtest GTest::gmock GTest::gtest_main)
    target_compile_definitions(${NAME} PRIVATE
        TINSMITH_SOURCE_DIR="${CMAKE_SOURCE_DIR}" TINSMITH_BUILD_DIR="${CMAKE_BINARY_DIR}")
    if(TINSMITH_FUZZ OR TINSMITH_SANITIZE)
        # For figures and limits that hold without sanitizers only.
        target_compile_definitions(${NAME} PRIVATE TINSMITH_SANITIZED)
    endif()
    add_test(NAME ${NAME} COMMAND ${NAME})
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 120)
    endif()
    set_tests_properties(${NAME} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
    if(ARG_SLOW)
        set_tests_properties(${NAME} PROPERTIES LABELS slow)
    else()
        set_tests_properties(${NAME} PROPERTIES LABELS quick)
    endif()
endfunction()

# tinsmith_fuzz(NAME SOURCES x_fuzz.cpp LIBS …): a libFuzzer target with -DTINSMITH_FUZZ=ON, else a test that replays
# the corpus tests/fuzz/corpus/NAME.
function(tinsmith_fuzz NAME)
    cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
    if(TINSMITH_FUZZ)
        add_executable(${NAME}_fuzz ${ARG_SOURCES})
        target_link_options(${NAME}_fuzz PRIVATE -fsanitize=fuzzer)
    else()
        add_executable(${NAME}_fuzz ${ARG_SOURCES} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.cpp)
        # g++ 12 sees a free of no heap object in std::filesystem at -O2.
        target_compile_options(${NAME}_fuzz PRIVATE -Wno-free-nonheap-object)
        add_test(NAME ${NAME}_fuzz_replay COMMAND ${NAME}_fuzz ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${NAME})
        set_tests_properties(${NAME}_fuzz_replay PROPERTIES LABELS quick TIMEOUT 60)
    endif()
    target_link_libraries(${NAME}_fuzz PRIVATE tinsmith_options ${ARG_LIBS})
endfunction()
