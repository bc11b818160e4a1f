// SPDX-License-Identifier: Apache-2.0
/* EC2's replies as they look, made small: element names and shapes are EC2's (and moto's, where it differs). */
#ifndef EC2_FIXTURES_H
#define EC2_FIXTURES_H

#define XML_HEAD             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define NAMESPACE            " xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\""
#define REPLY(action, inner) XML_HEAD "<" action "Response" NAMESPACE ">" inner "</" action "Response>"

#define PRIMARY_ENI                                                                                          \
        "<networkInterfaceId>eni-46128b87fd230d3d2</networkInterfaceId><subnetId>subnet-4f6a319a1072ecfd2</" \
        "subnetId>"                                                                                          \
        "<vpcId>vpc-174815abb7d0b5a6f</vpcId><availabilityZone>us-east-1c</availabilityZone>"                \
        "<description>Primary network interface</description><ownerId>123456789012</ownerId>"                \
        "<requesterManaged>false</requesterManaged><status>in-use</status><macAddress>02:00:00:8d:87:e7</"   \
        "macAddress>"                                                                                        \
        "<privateIpAddress>10.0.1.4</privateIpAddress><sourceDestCheck>true</sourceDestCheck>"               \
        "<groupSet><item><groupId>sg-430c4d574e0fe747f</groupId><groupName>default</groupName></item></"     \
        "groupSet>"                                                                                          \
        "<attachment><attachmentId>eni-attach-df64b97f4bd758cba</"                                           \
        "attachmentId><instanceId>i-12c59cdcf3766ed1a</instanceId>"                                          \
        "<instanceOwnerId>123456789012</instanceOwnerId><deviceIndex>0</deviceIndex><status>attached</"      \
        "status>"                                                                                            \
        "<attachTime>2026-11-23T05:17:16.000Z</attachTime><deleteOnTermination>true</deleteOnTermination>"   \
        "<networkCardIndex>0</networkCardIndex></attachment><tagSet/>"                                       \
        "<privateIpAddressesSet><item><privateIpAddress>10.0.1.4</privateIpAddress><primary>true</"          \
        "primary></item>"                                                                                    \
        "</privateIpAddressesSet><ipv6AddressesSet/><interfaceType>interface</interfaceType>"

/* Another order, a namespace prefix, unknown elements, the primary address last. */
#define SECONDARY_ENI                                                                                        \
        "<operator><managed>false</managed></operator>"                                                      \
        "<privateIpAddressesSet><item><privateIpAddress>10.0.1.10</privateIpAddress><primary>false</"        \
        "primary></item>"                                                                                    \
        "<item><primary>false</primary><privateIpAddress> 10.0.1.11 </privateIpAddress></item>"              \
        "<item><primary>true</primary><privateIpAddress>10.0.1.12</"                                         \
        "privateIpAddress><association><publicIp>192.0.2.1"                                                  \
        "</publicIp></association></item></privateIpAddressesSet>"                                           \
        "<ipv4PrefixSet><item><ipv4Prefix>10.0.1.32/28</ipv4Prefix></item></ipv4PrefixSet>"                  \
        "<tagSet><item><key>node.k8s.amazonaws.com/instance_id</key><value>i-12c59cdcf3766ed1a</value></"    \
        "item>"                                                                                              \
        "<item><value/><key>empty</key></item></tagSet>"                                                     \
        "<attachment><status>attaching</status><deviceIndex>1</deviceIndex><networkCardIndex>2</"            \
        "networkCardIndex>"                                                                                  \
        "<attachmentId>eni-attach-2</attachmentId><instanceId>i-12c59cdcf3766ed1a</instanceId></attachment>" \
        "<x:networkInterfaceId xmlns:x=\"urn:x\">eni-1bd1b8520fdc0bd8b</x:networkInterfaceId>"               \
        "<macAddress>02:00:00:94:a2:5c</macAddress><subnetId/>"

#define AVAILABLE_ENI                                                                                        \
        "<networkInterfaceId>eni-3</networkInterfaceId><association/><attachment/><status>available</"       \
        "status>"                                                                                            \
        "<privateIpAddress>10.0.1.7</privateIpAddress>"

#define ERRORS(code, message)                                                                                \
        XML_HEAD "<Response><Errors><Error><Code>" code "</Code><Message>" message                           \
                 "</Message></Error></Errors><RequestID>ea966190-f9aa-478e-9ede-example00000</RequestID></"  \
                 "Response>"

#define INSTANCE_TYPE                                                                                        \
        "<item><instanceType>t3.medium</instanceType><bareMetal>false</bareMetal><hypervisor>nitro</"        \
        "hypervisor>"                                                                                        \
        "<networkInfo><maximumNetworkInterfaces>3</maximumNetworkInterfaces><maximumNetworkCards>1</"        \
        "maximumNetworkCards>"                                                                               \
        "<defaultNetworkCardIndex>0</defaultNetworkCardIndex><networkCards><item><networkCardIndex>0</"      \
        "networkCardIndex>"                                                                                  \
        "<maximumNetworkInterfaces>3</maximumNetworkInterfaces></item></networkCards>"                       \
        "<ipv4AddressesPerInterface>6</ipv4AddressesPerInterface></networkInfo></item>"

/* Several cards: what counts is the default one's. */
#define CARDS_TYPE                                                                                           \
        "<item><instanceType>p4d.24xlarge</instanceType><bareMetal>true</bareMetal><networkInfo>"            \
        "<maximumNetworkInterfaces>60</maximumNetworkInterfaces><defaultNetworkCardIndex>1</"                \
        "defaultNetworkCardIndex>"                                                                           \
        "<networkCards><item><networkCardIndex>0</networkCardIndex><maximumNetworkInterfaces>7</"            \
        "maximumNetworkInterfaces></item>"                                                                   \
        "<item><networkCardIndex>1</networkCardIndex><maximumNetworkInterfaces>15</"                         \
        "maximumNetworkInterfaces></item></networkCards>"                                                    \
        "<ipv4AddressesPerInterface>50</ipv4AddressesPerInterface></networkInfo></item>"

#endif
