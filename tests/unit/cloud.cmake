# ipamd/cloud against a scripted HTTP server inside the test (httpd.h); no network but loopback.
add_library(test_httpd STATIC httpd.c)
target_link_libraries(test_httpd PUBLIC vw_flags vpcwire PkgConfig::MHD Threads::Threads)

vw_test(sigv4 ipamd_cloud vpcwire)
vw_test(xml ipamd_cloud vpcwire)
vw_test(retry ipamd_cloud vpcwire)
vw_test(pace ipamd_cloud vpcwire)
vw_test(http ipamd_cloud test_httpd vpcwire)
vw_test(imds ipamd_cloud test_httpd vpcwire)
vw_test(credentials ipamd_cloud test_httpd vpcwire)
vw_test(ec2 ipamd_cloud test_httpd vpcwire)
