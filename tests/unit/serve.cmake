# The RPC server on a real store, spoken to by the real client and by raw sockets.
vw_test(reason ipamd_serve)
vw_test(serve ipamd_serve Threads::Threads)
vw_test(serve_parked ipamd_serve Threads::Threads)
vw_test(serve_abuse ipamd_serve Threads::Threads)
vw_test(see ipamd_serve Threads::Threads)
foreach(test serve serve_parked serve_abuse see)
        target_sources(test_${test} PRIVATE serve_fixture.c)
endforeach()
