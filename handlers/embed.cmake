# Writes OUTPUT: a C++ file that defines FUNCTION of NAMESPACE (a string_view) with the text of INPUT. Run with cmake -P.
file(READ ${INPUT} text)
# String literals may not be longer than 64 KB everywhere; one piece per 8000 characters keeps clear of that.
string(LENGTH "${text}" length)
set(pieces "")
set(at 0)
while(at LESS length)
    string(SUBSTRING "${text}" ${at} 8000 piece)
    string(APPEND pieces "R\"~~~(${piece})~~~\"\n")
    math(EXPR at "${at} + 8000")
endwhile()
file(WRITE ${OUTPUT} "#include <string_view>\n\nnamespace ${NAMESPACE} {\n\nstd::string_view ${FUNCTION}() {\n    return ${pieces};\n}\n\n}  // namespace ${NAMESPACE}\n")
