# vpcsim's world without packets: EC2's rules, the query API's parsing, the metadata tree. boto3 drives the rest.
vw_test(world vpcsim_world)
vw_test(world_eni vpcsim_world)
vw_test(world_prefix vpcsim_world)
vw_test(world_ipv6 vpcsim_world)
vw_test(world_cruel vpcsim_world)
vw_test(world_file vpcsim_world)
vw_test(world_random vpcsim_world)
vw_test(ec2api vpcsim_world)
