add_executable(tinsmith-work work/main.cpp)
target_link_libraries(tinsmith-work PRIVATE tinsmith_import tinsmith_quantize tinsmith_build tinsmith_preflight)
install(TARGETS tinsmith-work RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/tinsmith)
