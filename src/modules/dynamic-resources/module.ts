/** Dynamic resources: devices that drivers offer and pods claim. The claims of templates are made here, and devices given back when their pods are done; the scheduler gives them, the node prepares them. */
import { Namespace } from '../../api/core/namespace.ts';
import { Pod } from '../../api/core/pod.ts';
import { DeviceClass } from '../../api/resource/device-class.ts';
import { DeviceTaintRule } from '../../api/resource/device-taint-rule.ts';
import { ResourceClaim, ResourceClaimTemplate } from '../../api/resource/resource-claim.ts';
import { ResourceSlice } from '../../api/resource/resource-slice.ts';
import { defineModule } from '../../sdk/index.ts';
import { adminAccess } from './admin-access.ts';
import { claimsOfPods } from './pods.ts';
import { claimsInUse } from './claims.ts';
import { deviceTaintEviction } from './taints.ts';

export default defineModule({
  name: 'dynamic-resources',
  eventSource: 'resource_claim',
  description: 'Devices that drivers offer and pods claim',
  kinds: [ResourceClaim, ResourceClaimTemplate, DeviceClass, ResourceSlice, DeviceTaintRule] as never,
  needs: [Pod, Namespace],
  reads: [Namespace],
  controllers: [claimsOfPods, claimsInUse, deviceTaintEviction],
  admissions: [adminAccess],
});
